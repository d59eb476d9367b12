"""English words that say nothing of what a text is about; written for aesearch."""

from __future__ import annotations

# In small letters; "don't" is the token "dont". Left out on purpose: won, don, us, use and words of
# a subject such as find, call, system or computer, which other lists contain.
STOP_WORDS = frozenset(
    """
    about above across after afterwards again against all almost along already also although always
    am amid among amongst an and another any anybody anyhow anyone anything anyway anywhere are
    around as at away
    be became because become becomes becoming been before beforehand behind being below beside
    besides between beyond both but by
    can cannot could
    did do does doing done down during
    each either else elsewhere enough etc even ever every everybody everyone everything everywhere
    except
    few for from further furthermore
    get gets getting got
    had has have having he hence her here hereby herein hers herself him himself his how however
    ie if in indeed instead into is it its itself
    just
    least less let lets
    many may maybe me meanwhile might more moreover most mostly much must my myself
    namely neither never nevertheless no nobody none nonetheless nor not nothing now nowhere
    of off often on once one only onto or other others otherwise ought our ours ourselves out over
    own
    per perhaps
    quite
    rather really
    same seem seemed seeming seems several shall she should since so some somebody somehow someone
    something sometime sometimes somewhere still such
    than that the their theirs them themselves then thence there thereafter thereby therefore
    therein these they this those though through throughout thus to together too toward towards
    under unless until up upon
    very via
    was we were what whatever when whence whenever where whereas whereby wherein wherever whether
    which whichever while who whoever whole whom whose why will with within without would
    yet you your yours yourself yourselves
    arent cant couldnt didnt doesnt dont hadnt hasnt havent isnt mustnt neednt shouldnt wasnt werent
    wont wouldnt aint shant ll re ve
    """.split()  # noqa: SIM905 -- three hundred words in quotes are not to be read
)

# Those that are common in no other language of Latin letters: 'in' and 'was' are German as well,
# 'on', 'me' and 'as' French, 'to', 'have' and 'under' Danish, 'of', 'had' and 'is' Dutch.
TELLING = frozenset(
    """
    about after against also although and another because been before being between both but could
    did does during each every from having how into its just many more much must only other should
    since some such than that the their them then there these they this those though through until
    very were what when where whether which while who why with within without would you your
    """.split()  # noqa: SIM905
)
