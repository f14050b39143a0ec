class Shared:
    pass


class ScoringStepBuilder(Shared):
    pass
