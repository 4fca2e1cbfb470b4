"""Words with which people talk about passwords without saying one, folded: English, German and French."""

from __future__ import annotations

_WORDS = """
a an the this that these no not none null nil any all as at be been being by can could for from had has have he her
his i if in into is it its less may might must my never of off on once only or our out per she should so still some
such than their them then there they to too under until up very via was we were when where which while who why will
with without would yes you your about after again against already also always back because before both but due
during each either even ever every here how just like more most much near new now old one other over same since soon
through two unless what correct wrong right bad good fine ok okay stale fresh valid invalid secure safe weak strong
short long empty blank default unknown known missing present reset set sent kept lost found held read cut put hidden
shown true false possible managed automatic manual temporary permanent optional mandatory ready late early active
inactive internal external ein eine einer der die das den dem nicht kein keine noch schon sehr zu zum zur im ist war
wird wurde worden werden falsch richtig leer bekannt unbekannt alt neu ungultig gultig gesperrt siehe vom von beim
bei mit ohne und oder auch nur le la les un une des du de pas plus encore deja faux vrai vide bon ancien nouveau
inconnu incorrect expire valide invalide trop bien mal toujours celui celle voir see below above hint field form
page prompt policy rules file manager vault store hash hashes salt sync screen dialog box change changes resets
rotation expiry history length refuse accepte change modifie oublie perdu bloque
faible connu demande
"""
TALK = frozenset(_WORDS.split())
# Of the many words that end so, hardly one is a password, and most say how it is.
TALKING = (
    "ed", "ing", "able", "ible", "ent", "ant", "ive", "ful", "less", "ous", "ary", "ory", "ic", "al", "en", "et", "ly",
    "ee", "ees", "ure", "ues", "ue", "tion", "tions", "ment", "ments", "ness", "ity", "iert", "bar", "lich", "isch",
    "ig",
)  # fmt: skip
