"""What a trained network holds, told from arrays and networks alone: nothing here reads files, trains or knows runs."""
