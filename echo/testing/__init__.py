"""Contract testing as a product: documents compared, served and held against servers, with no checkout of Echo."""
