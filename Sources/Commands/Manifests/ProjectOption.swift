import ArgumentParser
import ControlPorts
import Foundation
import ModelManifests

/// The project whose policy is checked.
struct ProjectOption: ParsableArguments {
    @Option(help: ArgumentHelp("Check the manifests against this project's policy.", valueName: "name"))
    var project: String?

    @Option(help: ArgumentHelp("With --project: the controller's settings file.", valueName: "file"))
    var config: String?

    func validate() throws {
        guard (project == nil) == (config == nil) else {
            throw ValidationError(
                project == nil
                    ? "--config needs --project NAME, the project whose policy is checked"
                    : "--project needs --config FILE, the settings with its policy")
        }
    }

    /// The project as it is in the settings; nil without `--project`.
    ///
    /// - Throws: the same errors as `rules`.
    var settings: Project? {
        get throws {
            guard let project else { return nil }
            _ = try rules
            return try allProjects.first { $0.name == project }
        }
    }

    /// All projects of the settings.
    var allProjects: [Project] {
        get throws { try config.map { try RunSettings(contentsOf: $0).projects } ?? [] }
    }

    var allowsEmpty: Bool { get throws { try settings?.allowsEmpty ?? false } }

    /// - Throws: `ValidationError` where the project does not exist, or the settings are wrong.
    var rules: ProjectRules {
        get throws {
            guard let project, let config else { return .open }
            let settings = try RunSettings(contentsOf: config)
            guard let found = settings.projects.first(where: { $0.name == project }) else {
                let names = settings.projects.map(\.name)
                throw ValidationError(
                    "\(config) has no project '\(project)'"
                        + (DidYouMean.suggestion(for: project, among: names, noun: "the projects are").map { "; \($0)" }
                            ?? "")
                )
            }
            return settings.rules(of: found)
        }
    }

    /// The desired state of the files under the project's policy. Its limits apply to all files together.
    func desired(_ files: [ParsedFile], reserved: ReservedPorts = ReservedPorts()) throws -> DesiredState {
        let rules = try rules
        return DesiredState.resolve(files: files, reserved: reserved, by: rules).withinLimits(of: rules)
    }

    /// What the other projects of the settings have; nil without `--project`.
    func others(_ running: ControllerStatus?) async throws -> OtherProjects? {
        guard let project, let config else { return nil }
        let settings = try RunSettings(contentsOf: config)
        var others = settings
        others.projects.removeAll { $0.name == project }
        let outcomes = await RepositoryInspection(others, isOffline: true).outcomes() ?? []
        return try await OtherProjects(settings, besides: project, outcomes, running: running)
    }

    /// What is said of the policy itself: a runtime that it names and that nobody knows.
    ///
    /// - Parameter paths: as named: one file is not all of a repository, and its runtimes may stand in another.
    func warning(_ desired: DesiredState, paths: [String]) throws -> String? {
        var isFolder: ObjCBool = false
        guard
            paths.contains(where: {
                FileManager.default.fileExists(atPath: $0, isDirectory: &isFolder) && isFolder.boolValue
            })
        else { return nil }
        return try rules.unknownRuntimes(beside: desired.runtimeNames)
    }
}
