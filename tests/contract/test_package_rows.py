"""Each row of the package contract and of the extension contract, with a test that holds the server to it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TESTS = HERE.parent

PACKAGES = """
1 package type: TestTerms.test_former_types_are_empty, TestTerms.test_another_type_is_an_error
1 package id: TestTerms.test_ids_have_a_rule
1 version: TestTerms.test_versions_have_a_rule
1 fullname: TestDocument.test_available
1 host: TestTerms.test_names_of_nodes, TestTerms.test_an_unknown_host_is_an_error_at_once
1 mode: TestDocument.test_get_mode_normal, TestDocument.test_get_mode_development
1 installed: TestTerms.test_one_registry_for_all_interfaces, TestPackages.test_a_round
2 authentication: TestHttp.test_a_token_is_required
2 method: TestHttp.test_three_methods_do_the_same, TestHttp.test_head_reads_and_never_installs
2 method, others: TestHttp.test_other_methods_are_refused_in_the_envelope
2 path: TestHttp.test_three_methods_do_the_same, TestTerms.test_ids_have_a_rule
2 query: TestHttp.test_no_callback
2 success: TestHttp.test_headers_of_every_answer
2 error: TestHttp.test_headers_of_every_answer, TestUploads.test_too_large
2 no answer: TestHttp.test_a_fault_of_the_server_gets_an_envelope
2 strings: TestHttp.test_texts_and_escapes
2 duration: TestHttp.test_after_a_while_the_work_goes_on_alone, TestHttp.test_the_operation_is_named
2 envelopes, order of members: TestDocument.test_get_mode_normal
2 envelopes, code of errors: TestHttp.test_the_code_of_errors_can_be_that_of_old_servers
3 ACL: TestHttp.test_each_has_its_acl
3 ACL of extensions: TestPackages.test_the_acl_of_extensions_counts_too
3 number of parts, unknown operation: TestHttp.test_unknown_operations_and_numbers_of_parts
3 published prefix: TestHttp.test_the_published_prefix_is_accepted
3 download: TestFiles.test_download
4.1 server: TestDocument.test_the_release_that_the_minimum_is_compared_with
4.1 host: TestHosts.test_the_list, TestHosts.test_one
4.2 development mode: TestDevelopmentMode.test_nothing_is_managed, TestDevelopmentMode.test_icons_of_the_source
4.3 list-repo: TestDocument.test_list_repo, TestRepositories.test_priorities_are_numbers
4.4 update-cache: TestDocument.test_update_cache
4.4 one that fails: TestRepositories.test_one_that_fails_keeps_its_copy_and_the_others_are_refreshed
4.4 one at a time: TestRepositories.test_who_asks_meanwhile_waits_for_the_same_end
4.5 available: TestDocument.test_available, TestLists.test_versions_newest_first
4.5 seventeen members: TestLists.test_all_members_are_always_there, TestLists.test_further_members_are_passed_on
4.6 installed: TestDocument.test_installed, TestLists.test_a_plugin_that_does_not_load_is_not_enabled
4.6 updates: TestLists.test_installed_ones_have_updates_instead
4.7 install: TestDocument.test_install_and_update, TestInstall.test_reinstall_and_downgrade
4.7 not in the cache: TestDocument.test_install_that_fails
4.7 server too old: TestInstall.test_a_server_that_is_too_old
4.7 server too old (2): TestInstall.test_a_server_that_is_too_old_for_what_is_inside
4.7 checksum, size: TestInstall.test_a_wrong_checksum, TestInstall.test_a_wrong_size
4.7 member not allowed: TestUploads.test_a_member_that_is_not_allowed
4.7 identity: TestInstall.test_another_package_than_was_asked_for
4.7 what the installer reports: TestInstall.test_a_failed_update_leaves_the_old_version
4.7 what the installer reports (2): TestPackages.test_a_failure_is_told
4.7 dependencies: TestInstall.test_missing_dependencies_do_not_stop_it_and_are_named
4.8 body: TestDocument.test_install_from_path, TestUploads.test_larger_than_other_bodies, TestUploads.test_too_large
4.8 filename: TestUploads.test_names
4.8 which package: TestUploads.test_a_version_with_a_hyphen_is_understood, TestUploads.test_names
4.8 repository: TestUploads.test_it_is_kept_like_a_fetched_one
4.8 errors: TestUploads.test_nothing_sent, TestUploads.test_no_package, TestUploads.test_names
4.9 uninstall: TestUninstall.test_by_id_or_full_name, TestUninstall.test_exactly_that_id_wins
4.10 icons: TestDocument.test_icons, TestFiles.test_a_missing_icon, TestFiles.test_the_plainer_name
4.10 PNG signature: TestFiles.test_what_is_no_picture_is_no_icon
5 type, id, name, installed: TestPackages.test_order_and_other_types, TestPackages.test_version_conditions_count
5 version, cmd_line, candidate, error: TestPython.test_a_wrong_version_says_both, TestPython.test_no_candidate
5 example 1: TestDocument.test_1_python_installed
5 example 2: TestDocument.test_2_python_absent_and_installable, TestDocument.test_2_with_the_command_of_the_document
5 example 3: TestDocument.test_3_none_required
5 example 4: TestDocument.test_4_plugin
5 example 5: TestDocument.test_5_python_without_a_version
5 accepted ids: TestPython.test_versions_by_pep_440, TestPython.test_a_malformed_one_fills_only_its_own_error
5 package not known: TestPackages.test_no_such_package
6.1 info.json: TestUploads.test_the_identity_must_agree
6.1 icon.png: TestDocument.test_icons
6.1 one folder: TestUploads.test_no_package, TestPackages.test_a_round
6.1 agreement: TestUploads.test_the_identity_must_agree, TestInstall.test_another_package_than_was_asked_for
6.1 path check: TestUploads.test_a_member_that_is_not_allowed
6.2 package repository: TestDocument.test_available, TestRepositories.test_a_faulty_package_is_left_out
6.2 plugin channel: TestRepositories.test_a_plugin_channel_in_the_list
6.2 plugin channel (2): TestRepositories.test_a_plugin_channel_of_the_settings
6.2 path checks of data: TestRepositories.test_broken_data_change_nothing
6.2 addresses: TestRepositories.test_a_repository_of_the_network_names_no_files_of_the_host
6.3 repository list: TestRepositories.test_priorities_are_numbers, TestRepositories.test_a_faulty_line_is_named
6.4 order: TestLists.test_versions_newest_first
6.4 highest priority: TestLists.test_of_the_same_version_the_highest_priority_wins
6.4 minimum version: TestInstall.test_a_server_that_is_too_old
6.5 given checksums: TestInstall.test_a_wrong_checksum, TestInstall.test_a_changed_file_in_the_cache_is_fetched_again
6.5 none given: TestInstall.test_what_came_first_is_remembered, TestInstall.test_checksums_can_be_required
6.5 error page: TestInstall.test_an_error_page_is_no_archive
"""

EXTENSIONS = """
1 off by default: TestSwitch.test_off_reading_works, TestSwitch.test_off_in_the_package_api
1 who: TestSwitch.test_another_tenant_is_refused
1 sources: TestSwitch.test_sources_and_folders_of_the_settings, TestSwitch.test_git_addresses_of_the_settings
1 as root: TestSwitch.test_off_reading_works
2 form A: TestHelloWorld.test_installed_and_removed, TestHelloWorld.test_the_other_name_of_the_metadata
2 form B: TestForms.test_staged_files_are_copied_and_removed
2 both: TestForms.test_the_second_form_wins
2 neither: TestForms.test_neither_form
2.1 name, version, description: test_wrong_members, test_versions_are_texts_as_they_are_written
2.1 namespace: test_the_document_is_read, test_the_second_form_needs_a_namespace
2.1 plugin_format_version: test_the_format_version, TestForms.test_postrm_only_from_the_first_format_version
2.1 limits: test_limits_include_both_ends_and_are_no_texts
2.1 depends: test_needs
2.1 debian_depends: test_debian_relations, TestDependencies.test_debian_packages_are_checked
2.1 anything else: test_other_members_are_kept
2.2 environment: TestForms.test_the_environment_of_commands
2.2 time limit: TestHostile.test_a_makefile_that_hangs_and_forks
2.2 build, package: TestForms.test_a_failing_build_changes_nothing
2.2 install, file conflict: TestForms.test_files_in_the_way
2.2 uninstall: TestForms.test_staged_files_are_copied_and_removed
2.2 check before, Makefile: test_wrong_makefiles, test_good_makefiles, TestHelloWorld.test_blanks_instead_of_tabs
2.2 check before, rules: TestForms.test_rules_must_be_executable
2.2 the tree is kept: TestProcess.test_a_source_that_is_gone_can_be_uninstalled
2.3 with asterisk: TestHelloWorld.test_installed_and_removed, test_hello_world
2.3 without asterisk: TestHelloWorld.test_without_asterisk_everything_is_rolled_back, test_hello_world
2.3 blanks instead of tabs: TestHelloWorld.test_blanks_instead_of_tabs
3 statuses: TestProcess.test_statuses_and_progress, TestRest.test_progress_is_told_as_events
3 no. 4 the same version: TestProcess.test_the_same_version_is_not_run_again
3 no. 5 dependencies: TestDependencies.test_from_the_market_first, TestDependencies.test_one_that_fails_stops_the_parent
3 no. 9 no uninstall first: TestProcess.test_an_upgrade_uninstalls_nothing_first
3 no. 9 old files: TestForms.test_an_upgrade_replaces_files_and_runs_no_uninstall
3 no. 10 cleaning: TestHelloWorld.test_installed_and_removed
3.1 steps 1 to 7: TestForms.test_a_failing_build_changes_nothing
3.1 first install: TestHelloWorld.test_without_asterisk_everything_is_rolled_back, TestHostile.test_it_fails_halfway
3.1 another version: TestForms.test_a_failed_upgrade_puts_the_old_version_back
3.1 uninstall: TestProcess.test_a_failed_uninstallation_leaves_it_broken, TestProcess.test_it_can_be_forced
3.1 daemon ends: test_what_a_power_cut_interrupts_is_undone
3.1 daemon ends (2): TestProcess.test_what_the_end_of_the_server_interrupts_is_undone
3.2 install-error: TestHelloWorld.test_without_asterisk_everything_is_rolled_back
3.2 validation-error: test_wrong_members
3.2 step-error: TestForms.test_neither_form
3.2 removing-error: TestProcess.test_a_failed_uninstallation_leaves_it_broken
3.2 file-conflict: TestForms.test_files_in_the_way
3.2 interrupted: test_what_a_power_cut_interrupts_is_undone
4 git: TestSources.test_git, TestSources.test_branch_tag_and_commit
4 git, default branch: TestSources.test_the_default_branch_when_there_is_no_master
4 git, refused: TestSources.test_addresses_that_are_refused, TestSources.test_refs_that_are_refused
4 git, hooks: TestSources.test_hooks_of_a_repository_are_not_run
4 market: TestMarket.test_install_the_newest_that_fits
4 tarball: TestSources.test_a_tarball, TestSources.test_a_tarball_from_the_web_with_its_digest
4 directory: TestSources.test_a_directory_outside, TestSources.test_a_subdirectory
4 unknown: TestSources.test_unknown_methods_and_options
4.1 order, upgradable: TestMarket.test_the_list
5 plugins: TestRest.test_the_answer_to_an_installation, TestRest.test_unknown_ones
5 ACL: TestRest.test_acls
5 DELETE 409: TestDependencies.test_what_others_need_is_not_removed
5 market: TestMarket.test_the_list, TestMarket.test_one, TestMarket.test_no_market
5 config: TestRest.test_the_settings_without_secrets
5 status: TestSwitch.test_another_tenant_is_refused
5 api.yml: TestRest.test_the_description
5 operations: TestRest.test_operations_are_forgotten
5 listener: TestRest.test_a_listener_of_its_own
5.1 bodies: TestSources.test_unknown_methods_and_options
5.1 errors: TestRest.test_the_form_of_errors
5.1 market query: TestMarket.test_queries, TestMarket.test_wrong_queries
5.2 oip: TestProcess.test_statuses_and_progress
5.2 parent: TestDependencies.test_from_the_market_first
5.2 lifetime: TestRest.test_operations_are_kept_for_an_hour_also_over_a_restart
5.2 log: TestHostile.test_megabytes_of_output, TestHostile.test_secrets_in_output
5.2 masked: TestSources.test_credentials_are_never_shown, test_what_is_shown_of_options
6.1 order: test_limits_include_both_ends_and_are_no_texts, TestProcess.test_a_downgrade_is_allowed_and_noted
6.1 platform: TestDependencies.test_limits_of_the_platform, TestDependencies.test_limits_of_versions
6.2 satisfied: test_needs
6.2 nothing fits: TestDependencies.test_nothing_fits
6.2 cycle: TestDependencies.test_circles_are_refused
6.2 stays installed: TestDependencies.test_one_stays_when_the_parent_fails
"""


def names_of(*files: str) -> set[str]:
    """Return the names of the tests in files, with their classes."""
    found = set()
    for file in files:
        for node in ast.parse((TESTS / file).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                found.add(node.name)
            elif isinstance(node, ast.ClassDef):
                found.update(f"{node.name}.{each.name}" for each in node.body if isinstance(each, ast.FunctionDef))
    return found


def rows_of(text: str) -> dict[str, list[str]]:
    pairs = [line.rpartition(": ") for line in text.strip().splitlines()]
    return {row: names.split(", ") for row, _, names in pairs}


@pytest.mark.parametrize(
    ("text", "files"),
    [
        (
            PACKAGES,
            (
                "contract/test_package_contract.py",
                "contract/test_package_dependencies.py",
                "contract/test_extension_contract.py",
            ),
        ),
        (
            EXTENSIONS,
            (
                "contract/test_extension_contract.py",
                "unit/extensions/test_metadata.py",
                "unit/extensions/test_sources.py",
                "integration/test_host_packages.py",
            ),
        ),
    ],
    ids=["packages", "extensions"],
)
def test_each_row_has_its_tests(text: str, files: tuple[str, ...]) -> None:
    present, rows = names_of(*files), rows_of(text)
    assert len(rows) == len(text.strip().splitlines())
    missing = {row: [name for name in names if name not in present] for row, names in rows.items()}
    assert {row: names for row, names in missing.items() if names} == {}
