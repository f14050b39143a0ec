from bases import StepBuilderBase


class Shared(StepBuilderBase):
    pass


class ScoringStepBuilder(Shared):
    pass
