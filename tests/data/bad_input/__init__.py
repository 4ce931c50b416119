"""Bad input to `vaegan prepare`: what is bad is skipped and named while the good images around it are packed, or refused in one sentence.

Either way nothing is written outside OUT. The good images are noise of the size that they are packed at, so their pixels must come back as
they are.
"""
