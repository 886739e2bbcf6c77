"""Networks, put together from MONAI's."""
