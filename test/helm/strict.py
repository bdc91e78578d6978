"""Validates Kubernetes objects, a JSON list on standard input, against strict schemas: unknown keys are errors. Prints a JSON list of messages.

Usage: python strict.py SCHEMAS VERSION... — SCHEMAS holds the operators' kinds (KIND.schema.json); Kubernetes' own come from kubernetes-validate.
"""

import json
import os
import re
import sys

import kubernetes_validate
from jsonschema import Draft7Validator, Draft202012Validator
from referencing import Registry, Resource

KUBERNETES = os.path.join(os.path.dirname(kubernetes_validate.__file__), "kubernetes-json-schema")


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return json.load(file)


def kubernetes(version):
    """A function from (kind, apiVersion) to a validator, or None for a kind that this version of Kubernetes does not have."""
    folder = os.path.join(KUBERNETES, f"v{version}.0-local-strict")
    definitions = Resource.from_contents(read(folder, "_definitions.json"))
    made = {}

    def validator(kind, api):
        group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api)
        name = f"{kind.lower()}-{group}.json"
        if name not in made:
            if not os.path.exists(os.path.join(folder, name)):
                return None
            schema = read(folder, name)
            registry = definitions @ (Resource.from_contents(schema) @ Registry())
            made[name] = Draft202012Validator(schema, registry=registry)
        return made[name]

    return validator


def main():
    schemas, *versions = sys.argv[1:]
    objects = json.load(sys.stdin)
    operators = {
        (schema["properties"]["apiVersion"]["const"], schema["properties"]["kind"]["const"]): Draft7Validator(schema)
        for schema in (read(schemas, name) for name in sorted(os.listdir(schemas)))
    }
    messages = []
    for version in versions:
        of_version = kubernetes(version)
        for thing in objects:
            key = (thing["apiVersion"], thing["kind"])
            validator = operators.get(key) or of_version(thing["kind"], thing["apiVersion"])
            name = f"{version} {thing['kind']}/{thing['metadata']['name']}"
            if validator is None:
                messages.append(f"{name}: no schema for {thing['apiVersion']}")
                continue
            for error in validator.iter_errors(thing):
                messages.append(f"{name}: {'.'.join(map(str, error.absolute_path))}: {error.message[:300]}")
    json.dump(messages, sys.stdout)


main()
