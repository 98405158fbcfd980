"""A module as an engine may be: it takes its time."""

import time

time.sleep(2)
