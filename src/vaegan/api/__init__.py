"""What each command does, as a function of the same name: on a run, a model or a path, with a `vaegan.result.Result` as its answer."""
