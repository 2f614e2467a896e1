"""Any classifier behind one contract (`contracts/classifier.py`), and the gates before it is audited."""
