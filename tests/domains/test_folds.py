from __future__ import annotations

import torch

from ldpf.domains.folds import leave_one_group_out


def test_each_group_is_left_out_once_and_judged_as_a_whole(make_features):
    train, validation = make_features(4, seed=0), make_features(2, seed=1)
    folds = list(
        leave_one_group_out(train, validation, train.domains, validation.domains, range(3))
    )
    assert [fold.group for fold in folds] == [0, 1, 2]
    for fold in folds:
        assert set(fold.judged.domains.tolist()) == {fold.group}
        assert fold.group not in fold.train.domains.tolist() + fold.validation.domains.tolist()
        assert len(fold.train) + len(fold.validation) + len(fold.judged) == len(train) + len(
            validation
        )
    judged = torch.cat([fold.judged.features for fold in folds])
    assert len(judged.unique(dim=0)) == len(train) + len(validation)
