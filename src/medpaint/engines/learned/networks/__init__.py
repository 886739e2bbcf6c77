"""Networks, built from MONAI's parts."""
