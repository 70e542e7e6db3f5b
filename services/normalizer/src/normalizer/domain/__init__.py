"""The rules that decide each line: pure, values in and values out."""
