HYPERPARAMETER_REGISTRY = {
    "Tree": {"class_name": "Tree", "module_path": "src.tree", "model_type": "tree", "description": "Of a tree."},
}
