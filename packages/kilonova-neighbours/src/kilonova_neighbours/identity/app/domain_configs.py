"""Domain configuration: options of a domain's own back end, by group (identity, ldap). Kept, shown, and without effect.

Passwords are kept but never shown, as in Keystone.
"""

from __future__ import annotations

from typing import Any

from kilonova_kit.errors import BadRequest, Forbidden, NotFound

from kilonova_neighbours.identity import store
from kilonova_neighbours.identity.app import finding
from kilonova_neighbours.identity.app.work import Work
from kilonova_neighbours.identity.model.projects import DomainConfig

Config = dict[str, Any]

#: What a domain may set, with what holds where nothing is set (Keystone API reference, "Domain configuration").
DEFAULTS: dict[str, Config] = {
    "identity": {"driver": "sql", "list_limit": None},
    "ldap": {
        "url": "ldap://localhost",
        "user": None,
        "suffix": "cn=example,cn=com",
        "user_tree_dn": None,
        "user_objectclass": "inetOrgPerson",
        "user_id_attribute": "cn",
        "user_name_attribute": "sn",
        "group_tree_dn": None,
        "group_objectclass": "groupOfNames",
        "use_tls": False,
        "use_pool": True,
    },
}
_SECRET = frozenset({"password"})


def replace(work: Work, domain_id: str, config: Config) -> tuple[Config, bool]:
    """The new configuration, and whether there was none before."""
    finding.domain(work, domain_id)
    _refuse_unknown(config)
    new = store.DOMAIN_CONFIGS.get(work.tx, domain_id=domain_id) is None
    _keep(work, domain_id, config)
    return _shown(config), new


def _keep(work: Work, domain_id: str, config: Config) -> None:
    store.DOMAIN_CONFIGS.remove(work.tx, domain_id=domain_id)
    if config:
        store.DOMAIN_CONFIGS.add(work.tx, DomainConfig(domain_id=domain_id, config=config))


def _refuse_unknown(config: Config) -> None:
    if not config:
        raise BadRequest("No options specified.")
    for group, options in config.items():
        if group not in DEFAULTS:
            raise Forbidden(f"Invalid domain specific configuration: group {group} is not supported.")
        if not isinstance(options, dict):
            raise BadRequest(f"The options of group {group} must be an object.")


def _shown(config: Config) -> Config:
    return {
        group: {name: value for name, value in options.items() if name not in _SECRET}
        for group, options in config.items()
    }


def _stored(work: Work, domain_id: str) -> Config:
    finding.domain(work, domain_id)
    found = store.DOMAIN_CONFIGS.get(work.tx, domain_id=domain_id)
    return finding.must(found, "domain configuration for domain", domain_id).config


def show(work: Work, domain_id: str, group: str = "", option: str = "") -> Config:
    """All of it, a group (in its name), or an option (in its name). Raises NotFound."""
    return narrowed(_shown(_stored(work, domain_id)), group, option)


def narrowed(config: Config, group: str, option: str) -> Config:
    if group and group not in config:
        raise NotFound(f"Could not find group {group} in domain configuration.")
    if option and option not in config[group]:
        raise NotFound(f"Could not find option {option} in group {group} in domain configuration.")
    if option:
        return {option: config[group][option]}
    return {group: config[group]} if group else config


def merge(work: Work, domain_id: str, config: Config, group: str = "", option: str = "") -> Config:
    """Change the options given; the whole configuration is answered. Raises Forbidden for others than the URL's."""
    stored = _stored(work, domain_id)
    given = {group: {option: config.get(option)}} if option else config
    _refuse_unknown(given)
    if (group and set(given) != {group}) or (option and set(config) != {option}):
        raise Forbidden("The body may hold only what the URL names.")
    narrowed(stored, group, option)
    merged = {**stored, **{name: {**stored.get(name, {}), **options} for name, options in given.items()}}
    _keep(work, domain_id, merged)
    return _shown(merged)


def delete(work: Work, domain_id: str, group: str = "", option: str = "") -> None:
    stored = _stored(work, domain_id)
    narrowed(stored, group, option)
    left: Config = {name: options for name, options in stored.items() if group and name != group}
    if option:
        left[group] = {name: value for name, value in stored[group].items() if name != option}
    _keep(work, domain_id, left)
