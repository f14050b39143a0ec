from abc import ABC, abstractmethod


class StepBuilder(ABC):
    @abstractmethod
    def create_step(self) -> float: ...


class ScoringStepBuilder(StepBuilder):
    def make_step(self) -> float:
        return 0.5


class ScoringConfig:
    pass
