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
                .notLookedAt($0, "this user may not read \(controller.state)")
            }
        }
        return [running(controller)] + crash(controller)
    }

    private static func running(_ controller: Controller) -> Finding {
        guard let isRunning = controller.isRunning else {
            return .notApplicable(.controllerRunning, "\(controller.state) does not exist yet: no controller ran here")
        }
        guard isRunning else {
            return controller.pid == nil
                ? .notApplicable(.controllerRunning, "no controller ran on \(controller.state) yet")
                : .warning(
                    .controllerRunning,
                    "no controller runs on \(controller.state): models keep serving, but nothing is rolled out or back",
                    "systemctl start mlctl, or mlctl run --state-dir \(controller.state) with its previous options")
        }
        let who = "process \(controller.pid.map(String.init) ?? "unknown")"
        if controller.isProgramReplaced {
            return .warning(
                .controllerRunning,
                "the controller (\(who)) still runs an old program: its file was replaced after it started",
                "systemctl restart mlctl (models keep serving)")
        }
        guard let version = controller.version else {
            return .warning(
                .controllerRunning,
                "the controller (\(who)) reports no version, so it is older than \(controller.ownVersion)",
                "systemctl restart mlctl (models keep serving)")
        }
        guard version == controller.ownVersion else {
            return .warning(
                .controllerRunning,
                "the controller (\(who)) is version \(version), but this command is \(controller.ownVersion)",
                "Restart the controller after an upgrade, or use the command of its version")
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
                    .controllerCrash, "the last controller did not shut down cleanly: it was killed or crashed",
                    "Find out why: journalctl -u mlctl -n 100; coredumpctl list mlctl; dmesg | grep -i 'out of memory'")
            )
        }
        if let last = controller.damagedJournals.last {
            found.append(
                .warning(
                    .controllerCrash,
                    "\(controller.damagedJournals.count) damaged journals were moved aside, the last one to \(last)",
                    "Check the disk (dmesg | grep -i error); remove them when nothing is missing"))
        }
        return found.isEmpty ? [.ok(.controllerCrash, "no sign of a crashed controller")] : found
    }
}
