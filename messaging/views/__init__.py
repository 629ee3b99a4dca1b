"""The pages of messaging: the log, the sandbox phone, templates and settings. (A second UI helper writes these now.)"""
