from dataclasses import dataclass


@dataclass
class ScoringConfig:
    threshold: float = 0.5


class ScoringStepBuilder:
    def __init__(self, config: ScoringConfig) -> None:
        self.config = config

    def create_step(self) -> float:
        return self.config.treshold
