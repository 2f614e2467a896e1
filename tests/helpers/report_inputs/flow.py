"""The made-up study flow."""

FLOW = [
    ("padchest", "listed in the table", 160861, 67625),
    ("padchest", "excluded: image id occurs more than once; the first row counts", 21, 19),
    ("padchest", "excluded: not frontal", 50207, 43008),
    ("padchest", "frontal (PA, AP, AP_horizontal)", 110633, 67213),
    ("padchest", "excluded: not labelled by a physician, of a patient with a radiograph that is", 15903, 8721),
    ("padchest", "patients without a radiograph labelled by a physician", 68298, 43008),
    ("padchest", "labelled by a physician", 26432, 24239),
    ("padchest", "pretrain, listed", 68298, 43008),
    ("padchest", "finetune, listed", 18504, 16967),
    ("padchest", "test, listed", 7928, 7272),
    ("padchest", "excluded: image not present", 56298, 31008),
    ("padchest", "pretrain", 12000, 8120),
    ("padchest", "finetune", 18504, 16967),
    ("padchest", "test", 7928, 7272),
    ("chexpert", "listed in the training table", 223414, 64540),
    ("chexpert", "excluded: not frontal", 32387, 23633),
    ("chexpert", "frontal", 191027, 64534),
    ("chexpert", "test studies", 500, 500),
    ("chexpert", "pretrain, listed", 191027, 64534),
    ("chexpert", "test, listed", 500, 500),
    ("chexpert", "excluded: image not present", 185027, 62000),
    ("chexpert", "pretrain", 6000, 2534),
    ("chexpert", "test", 500, 500),
    ("mimic_cxr", "listed in the metadata table", 6000, 900),
    ("mimic_cxr", "excluded: not frontal", 1800, 700),
    ("mimic_cxr", "frontal (AP, PA)", 4200, 880),
    ("mimic_cxr", "excluded: official validation and test splits", 200, 40),
    ("mimic_cxr", "official training split", 4000, 840),
    ("mimic_cxr", "pretrain, listed", 4000, 840),
    ("mimic_cxr", "excluded: image not present", 0, 0),
    ("mimic_cxr", "pretrain", 4000, 840),
]


DECODING_FLOW = [
    ("padchest", "excluded: image cannot be decoded", 21, 20),
    ("padchest", "finetune", 18480, 16961),
    ("padchest", "test", 7931, 7270),
    ("chexpert", "excluded: image cannot be decoded", 0, 0),
]
