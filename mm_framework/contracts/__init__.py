"""What a plugin implements. One file a contract; `spec` holds what its hooks return."""
