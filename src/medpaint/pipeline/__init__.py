"""The steps of a restoration, one module a step, and `restore`, which composes them."""
