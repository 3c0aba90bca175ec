"""How each kind of reducer hands its gradient back: to the sample it picked, by weights, or by a formula."""
