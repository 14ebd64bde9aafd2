import ArgumentParser
import CLinuxProcess
import Foundation
import Glibc
import GitSource
import LocalServing
import ModelManifests

/// What is examined: a state folder, and what the controller over it was told, or would be.
struct ExaminedInstallation: Sendable {
    /// Why there are no settings.
    struct Fault: Error, Hashable, Sendable {
        var message: String
    }

    var state: URL
    var config: String?
    var settings: Result<RunSettings, Fault>
    /// Nil: none is at work.
    var controller: RunningController?
    /// As whom the controller runs, or would.
    var rules: TrustRules
    var environment: [String: String]

    var known: RunSettings? { try? settings.get() }
    var statePath: String { state.path(percentEncoded: false).trimmingSlash }

    /// - Parameter arguments: of `mlctl run`, as far as somebody gave them; none: those of the controller that runs.
    static func find(
        state: URL, arguments: [String], environment: [String: String]
    ) -> ExaminedInstallation {
        let controller = RunningController.find(in: state)
        var arguments = arguments
        if arguments.isEmpty, let controller, !controller.runArguments.isEmpty {
            arguments = controller.runArguments
            // What its settings name relatively is of its folder.
            if let folder = controller.folder { _ = FileManager.default.changeCurrentDirectoryPath(folder) }
        }
        let (config, settings) = read(arguments)
        return ExaminedInstallation(
            state: state, config: config, settings: settings, controller: controller,
            rules: .ofController(over: state, controller, environment), environment: environment)
    }

    private static func read(_ arguments: [String]) -> (String?, Result<RunSettings, Fault>) {
        do {
            let command = try RunCommand.parse(arguments)
            do {
                if let config = command.config, let facts = FileLooks.facts(behind: config), facts.kind != .file {
                    // A pipe would keep us waiting.
                    throw ValidationError("\(config): it is no file. Name a plain file")
                }
                return (command.config, .success(try command.settings()))
            } catch {
                return (command.config, .failure(Fault(message: words(error))))
            }
        } catch {
            return (nil, .failure(Fault(message: words(error))))
        }
    }

    private static func words(_ error: any Error) -> String {
        (error as? ValidationError)?.message ?? RunCommand.message(for: error)
    }
}

/// A controller that is at work over a state folder.
struct RunningController: Hashable, Sendable {
    var pid: Int32
    var user: UInt32
    /// Those of `mlctl run`; none where they cannot be seen.
    var runArguments: [String]
    var folder: String?
    /// Its program's file was replaced or removed since it started.
    var isProgramReplaced: Bool

    private static let mostBytes = 1 << 20
    /// What the kernel writes behind the path of a file that is gone (proc(5)).
    private static let goneMark = " (deleted)"

    /// Nil where none is: its lock says so, and not its pid.
    static func find(in state: URL) -> RunningController? {
        guard isLocked(state), let record = ControllerRecord.read(in: state) else { return nil }
        let process = "/proc/\(record.pid)"
        var about = stat()
        guard stat(process, &about) == 0 else { return nil }
        let words = arguments(process)
        let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(process)/exe")
        return RunningController(
            pid: record.pid, user: about.st_uid,
            runArguments: words.dropFirst().first == "run" ? Array(words.dropFirst(2)) : [],
            folder: try? FileManager.default.destinationOfSymbolicLink(atPath: "\(process)/cwd"),
            isProgramReplaced: program?.hasSuffix(goneMark) == true)
    }

    static func isLocked(_ state: URL) -> Bool {
        FileLock.isHeld(state.appending(path: "controller.lock").path(percentEncoded: false))
    }

    private static func arguments(_ process: String) -> [String] {
        guard let file = FileHandle(forReadingAtPath: "\(process)/cmdline"),
            let bytes = try? file.read(upToCount: mostBytes)
        else { return [] }
        return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }
}

extension TrustRules {
    private static let mostGroups = 1024
    private static let homeBytes = Int32(PATH_MAX)

    /// Of the controller's user: root may look at the installation of another user, and what that user owns is right then.
    static func ofController(
        over state: URL, _ controller: RunningController?, _ environment: [String: String]
    ) -> TrustRules {
        let own = TrustRules.ofThisProcess(environment: environment)
        guard own.user == 0 else { return own }
        let owner = TrustedPlaces.facts(of: state.path(percentEncoded: false))?.owner
        guard let user = controller?.user ?? owner, user != own.user else { return own }
        var groups = [gid_t](repeating: 0, count: mostGroups)
        var home = [CChar](repeating: 0, count: Int(homeBytes))
        var (id, group): (uid_t, gid_t) = (0, 0)
        let count = clp_user("\(user)", &id, &group, &groups, Int32(mostGroups), &home, homeBytes)
        var rules = own
        rules.user = user
        rules.groups = count < 0 ? [] : Set(groups.prefix(Int(count))).union([group])
        rules.privateGroup = PrivateGroup.of(user)
        return rules
    }
}
