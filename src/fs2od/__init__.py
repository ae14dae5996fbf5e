"""fs2od: brings cryo-EM datasets from a microscope's file system to the people who need them, on Onedata."""
