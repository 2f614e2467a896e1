"""One module per dataset: native tables to manifest rows, labels, study flow and rejections; the split by patient."""
