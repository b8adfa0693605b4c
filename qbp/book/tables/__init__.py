"""Tables on the pages: results, claims, effects, choices and the paper map."""
