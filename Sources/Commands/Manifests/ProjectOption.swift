import ArgumentParser
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
    func desired(_ files: [ParsedFile]) throws -> DesiredState {
        DesiredState.resolve(files: files, by: try rules).withinLimits(of: try rules)
    }
}
