class StepBuilderBase:
    pass
