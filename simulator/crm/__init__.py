"""Zoho CRM v8: the Accounts module.

Written from Zoho's OpenAPI files of v8, the v7 and v8 pages of its developer documentation and what
public projects saw live, as in the rest of the simulator.

    fields.py      what an account has, as `settings/fields` tells it
    records.py     one account, and how it is shown: list, single record, COQL, CSV
    catalogue.py   generated accounts
    crm.py         the state: accounts, switches, and the handles by which tests change them
    answers.py     envelopes, errors, scopes
    routes.py      which path asks for which scope and costs how many credits
    paging.py      listing.py      writing.py     values.py      deletions.py
    search.py      criteria.py     coql.py        coql_parser.py bulk.py    metadata.py
    limits.py      credits of a rolling day, and calls at once

Source: https://www.zoho.com/crm/developer/docs/api/v8/
"""
