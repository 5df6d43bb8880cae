"""Zoho CRM v8: the Accounts module.

Written from Zoho's OpenAPI files of v8, the v7 and v8 pages of its developer documentation and what
public projects saw live, as in the rest of the simulator.

    fields.py      what an account has, as `settings/fields` tells it
    records.py     one account, and how it is shown: list, single record, COQL, CSV
    catalogue.py   generated accounts
    crm.py         the state: accounts, switches, and the handles by which tests change them
    answers.py     envelopes, errors, scopes
    routes.py      which path asks for which scope and costs how many credits
    limits.py      credits of a rolling day, and calls at once
    paging.py      pages by number and by token
    listing.py     the list, and one account
    deletions.py   what is gone
    writing.py     update, insert, upsert, delete; values.py checks what is written
    search.py      search and count; criteria.py reads their grammar
    coql.py        COQL; coql_parser.py reads it
    bulk.py        bulk read; bulk_criteria.py reads its JSON, bulk_jobs.py holds jobs and results
    metadata.py    fields, modules, organisation, users

Source: https://www.zoho.com/crm/developer/docs/api/v8/
"""
