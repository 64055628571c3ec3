# ruff: noqa: F821
common = {}
execfile_("common.py", common)


class ExampliaPlugin(common["BaseExampliaPlugin"]):
    IS_PLUGIN = True

    pg_associator = common["BaseExampliaAssociator"](["E100"], "1.2")
