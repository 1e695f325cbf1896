"""The random answers that other tests are made of are legal, and mean what they say."""

from hypothesis import given
from strategies import Script, scripts

from polystack.core.canon.collect import collect
from polystack.core.canon.grammar import Grammar, State


@given(scripts(valid_arguments=False))
def test_every_random_answer_obeys_the_grammar(script: Script) -> None:
    grammar = Grammar()
    for event in script.events:
        grammar.feed(event)
    assert grammar.state is State.DONE


@given(scripts(valid_arguments=False))
def test_every_random_answer_folds_into_the_response_that_goes_with_it(script: Script) -> None:
    assert collect(script.events) == script.response
