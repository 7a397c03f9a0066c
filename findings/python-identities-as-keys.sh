#!/usr/bin/env bash
# An identity of Python's client can't be the key of a dictionary, although two of them with the same ID are equal.
#
# Versions: azure-communication-identity 1.5.0, azure-communication-chat 1.3.0. In identity 1.3.1, the comparison with
# a string raises an AttributeError.
#
# An application that issues tokens maps identities to users. One would expect that users[client.create_user()]
# works: Python's objects are hashable unless they can change, Java's identifiers are hashable, and JavaScript's are
# plain objects. Python's classes define __eq__ without __hash__, so each identifier, whatever its kind, is
# unhashable: no dictionary, no set, no functools.cache. Equality, on the other hand, compares raw IDs alone: an
# identity equals an UnknownIdentifier and the class of the same name in another ACS package, of which it is no
# instance. Neither equals the ID as a string, so a list of stored IDs never contains it.
# Use identifier.raw_id as the key.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check azure-communication-identity==1.5.0 azure-communication-chat==1.3.0

cat > run.py <<'END'
import functools
from azure.communication import chat, identity

ID = "8:acs:a_b"
user = identity.CommunicationUserIdentifier(ID)

@functools.cache
def name_of(_):
    return "Ada"

def show(what, work):
    try:
        print(f"{what}: {work()}")
    except TypeError as error:
        print(f"{what}: {error}")

show("key", lambda: {user: "Ada"})
show("set", lambda: {user, identity.PhoneNumberIdentifier("+14255550123")})
show("cache", lambda: name_of(user))
show("equal to another", lambda: user == identity.CommunicationUserIdentifier(ID))
show("equal to an unknown one", lambda: user == identity.UnknownIdentifier(ID))
show("equal to the chat package's", lambda: user == chat.CommunicationUserIdentifier(ID))
show("instance of the chat package's", lambda: isinstance(user, chat.CommunicationUserIdentifier))
show("in a list of IDs", lambda: user in [ID])
show("raw_id as the key", lambda: {user.raw_id: "Ada"}[ID])
END
env/bin/python run.py > seen

cat > expected <<'END'
key: unhashable type: 'CommunicationUserIdentifier'
set: unhashable type: 'CommunicationUserIdentifier'
cache: unhashable type: 'CommunicationUserIdentifier'
equal to another: True
equal to an unknown one: True
equal to the chat package's: True
instance of the chat package's: False
in a list of IDs: False
raw_id as the key: Ada
END
echo "azure-communication-identity 1.5.0, azure-communication-chat 1.3.0:"
cat seen
diff expected seen > /dev/null || { echo "This has changed. Expected:"; cat expected; exit 1; }
