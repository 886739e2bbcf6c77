"""Networks, built of MONAI's parts for training and of torch's for restoring."""
