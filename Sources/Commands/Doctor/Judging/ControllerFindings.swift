/// Checks whether a controller runs, which version it is, and how the previous one ended. Pure.
enum ControllerFindings {
    struct Controller: Hashable, Sendable {
        var state: String
        /// The folder exists, but this user may not read it.
        var isClosed: Bool
        /// Whether the lock is held; nil where the folder does not exist.
        var isRunning: Bool?
        /// The process id that the last controller recorded.
        var pid: Int32?
        var version: String?
        var api: String?
        /// The program's file was replaced or removed after the controller started.
        var isProgramReplaced: Bool
        /// The socket exists, but nobody answers.
        var hasDeadSocket: Bool
        /// Damaged journals that were moved aside.
        var damagedJournals: [String]
        /// The version of this program.
        var ownVersion: String
    }

    static func all(_ controller: Controller) -> [Finding] {
        guard !controller.isClosed else {
            return [CheckID.controllerRunning, .controllerCrash].map {
                .notLookedAt($0, "\(controller.state) cannot be looked into by this user")
            }
        }
        return [running(controller)] + crash(controller)
    }

    private static func running(_ controller: Controller) -> Finding {
        guard let isRunning = controller.isRunning else {
            return .notApplicable(.controllerRunning, "there is no \(controller.state) yet: no controller ran here")
        }
        guard isRunning else {
            return controller.pid == nil
                ? .notApplicable(.controllerRunning, "no controller ran over \(controller.state) yet")
                : .warning(
                    .controllerRunning,
                    "no controller runs over \(controller.state): what serves goes on, and nobody rolls anything back",
                    "systemctl start mlctl, or mlctl run --state-dir \(controller.state) with what it was started with")
        }
        let who = "process \(controller.pid.map(String.init) ?? "unknown")"
        if controller.isProgramReplaced {
            return .warning(
                .controllerRunning,
                "the controller (\(who)) runs a program that was replaced since: it is not what is installed",
                "systemctl restart mlctl: what serves goes on")
        }
        guard let version = controller.version else {
            return .warning(
                .controllerRunning,
                "the controller (\(who)) does not say its version: it is older than \(controller.ownVersion)",
                "systemctl restart mlctl: what serves goes on")
        }
        guard version == controller.ownVersion else {
            return .warning(
                .controllerRunning,
                "the controller (\(who)) is version \(version), and this command is \(controller.ownVersion)",
                "Restart the controller after an upgrade, or use the command that belongs to it")
        }
        return .ok(
            .controllerRunning, "a controller runs: version \(version), \(who)\(controller.api.map { ", \($0)" } ?? "")"
        )
    }

    private static func crash(_ controller: Controller) -> [Finding] {
        guard controller.isRunning != nil else {
            return [.notApplicable(.controllerCrash, "no controller ran here")]
        }
        var found: [Finding] = []
        if controller.isRunning == false, controller.hasDeadSocket {
            found.append(
                .warning(
                    .controllerCrash, "the last controller ended without tidying up: it was killed, or it crashed",
                    "See why: journalctl -u mlctl -n 100; coredumpctl list mlctl; dmesg | grep -i 'out of memory'"))
        }
        if let last = controller.damagedJournals.last {
            found.append(
                .warning(
                    .controllerCrash,
                    "\(controller.damagedJournals.count) journals were damaged and moved aside, the last one as \(last)",
                    "Check the disk (dmesg | grep -i error); when nothing is missing any more, remove them"))
        }
        return found.isEmpty ? [.ok(.controllerCrash, "no sign that a controller crashed")] : found
    }
}
