"""How well screening judges, against public sets, our own unseen sets and simple rivals: `make bench-policies`.

In this order: `subject` loads the policy in force as the gateway does; `own_sets` and `public_sets` read texts with
their labels; each part under `parts` judges them and keeps what came out; `report` makes tables, plots and the
comparison with the committed floors of it. Nothing here is trained on what it is measured with.
"""
