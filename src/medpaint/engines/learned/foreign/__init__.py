"""Networks that were not trained by medpaint, as an engine; and ours as MONAI bundles."""
