"""May this data be used? Analysis and checks of files and bundles, and the profiles of acceptance."""
