from stepwell.legacy.step_names import *
