"""The dashboard's pages: rendered here, no script but the Mini App's few lines, nothing from elsewhere."""
