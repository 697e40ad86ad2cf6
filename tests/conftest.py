"""What every test needs: the process is set up before torch is loaded, as the command line does."""

from pipeline.process import prepare_process

prepare_process()
