import ArgumentParser
import Foundation
import GitSource
import ModelManifests
import Notifications

/// What `mlctl run` would refuse after the settings file was read: addresses, references and the webhook. Nothing is
/// opened for it.
enum SettingsProblems {
    static func all(_ settings: RunSettings) -> [String] {
        var faults: [String] = []
        func gather(_ work: () throws -> Void) {
            do {
                try work()
            } catch let error as ValidationError {
                faults.append(error.message)
            } catch {
                faults.append("\(error)")
            }
        }
        gather { _ = try ControllerPorts(settings) }
        for project in settings.projects {
            gather {
                do throws(GitError) {
                    _ = try project.gitConfiguration(mirror: "/")
                } catch {
                    let noun = project.name == Project.defaultName ? "" : "project '\(project.name)': "
                    throw ValidationError("\(noun)\(error.message)")
                }
            }
        }
        if let webhook = settings.webhook {
            gather { _ = try WebhookNotifier(url: webhook.url, secret: WebhookSecret(file: webhook.secretFile)) }
        }
        if settings.electsLeader, settings.clusters.isEmpty,
            ProcessInfo.processInfo.environment["KUBERNETES_SERVICE_HOST"] == nil
        {
            faults.append("--leader-elect needs a cluster for its lease: add one under 'clusters'")
        }
        return faults
    }
}
