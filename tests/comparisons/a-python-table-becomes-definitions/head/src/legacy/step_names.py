from stepwell.frontends.legacy.step_names import *
