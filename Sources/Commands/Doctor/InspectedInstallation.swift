import ArgumentParser
import CLinuxProcess
import Foundation
import Glibc
import GitSource
import LocalServing
import ModelManifests

/// The installation to check: a state folder, and the options of its controller.
struct InspectedInstallation: Sendable {
    /// Why the settings cannot be read.
    struct Fault: Error, Hashable, Sendable {
        var message: String
    }

    var state: URL
    var config: String?
    var settings: Result<RunSettings, Fault>
    /// Nil where no controller runs.
    var controller: RunningController?
    /// The rules for the user that runs the controller.
    var rules: TrustRules
    var environment: [String: String]

    var known: RunSettings? { try? settings.get() }
    var statePath: String { state.path(percentEncoded: false).trimmingSlash }

    /// - Parameter arguments: the given arguments of `mlctl run`; empty means those of the running controller.
    static func find(
        state: URL, arguments: [String], environment: [String: String]
    ) -> InspectedInstallation {
        let controller = RunningController.find(in: state)
        var arguments = arguments
        if arguments.isEmpty, let controller, !controller.runArguments.isEmpty {
            arguments = controller.runArguments
            // Relative paths in its settings are relative to its working directory.
            if let folder = controller.folder { _ = FileManager.default.changeCurrentDirectoryPath(folder) }
        }
        let (config, settings) = read(arguments)
        return InspectedInstallation(
            state: state, config: config, settings: settings, controller: controller,
            rules: .ofController(over: state, controller, environment), environment: environment)
    }

    private static func read(_ arguments: [String]) -> (String?, Result<RunSettings, Fault>) {
        do {
            let command = try RunCommand.parse(arguments)
            do {
                if let config = command.config, let facts = FileInspection.facts(behind: config), facts.kind != .file {
                    // Opening a pipe would block.
                    throw ValidationError("\(config) is not a regular file. Give a regular file")
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

/// A controller that runs on a state folder.
struct RunningController: Hashable, Sendable {
    var pid: Int32
    var user: UInt32
    /// The arguments of `mlctl run`; empty where they are hidden.
    var runArguments: [String]
    var folder: String?
    /// The program's file was replaced or removed after the controller started.
    var isProgramReplaced: Bool

    private static let mostBytes = 1 << 20
    /// What the kernel adds to the path of a deleted file (proc(5)).
    private static let goneMark = " (deleted)"

    /// Nil where no controller runs, judged by the lock and not by the recorded pid.
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

    /// The rules for the controller's user. Root may check the installation of another user, whose files that user may own.
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
