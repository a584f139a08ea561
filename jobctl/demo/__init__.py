"""`jobctl demo`: the whole of jobctl at work in a folder of its own, each step checked."""
