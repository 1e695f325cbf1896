"""What local models are worth, measured: each evaluation is a module with an `evaluate`.

`scripts/eval NAME` prints what one finds and fails where it is not good enough; the tests run all
of them in a short form. Seeds are fixed, so a run can be repeated.
"""
