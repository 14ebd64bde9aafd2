import ControlPorts
import Dashboard
import Foundation
import HTTPTypes
import Hummingbird
import ModelManifests
import Rollouts
import SafeText

/// The dashboard's buttons: a page that says what one does, and the form that does it.
///
/// # Guarantees
/// - Only a form of a page of the browser's own session acts: it carries the session's form token, and its Origin is this
///   controller's. A signed request or a bearer token cannot be used here; those have the API.
/// - A form acts on what its page showed. If something else is under way by now, nothing is done, and the page is shown again.
/// - The audit trail has the name of the session's token or user.
struct ActionRoutes: Sendable {
    let routes: DashboardRoutes

    func add(to router: Router<ControlContext>) {
        let action = RouterPath("\(BrowserPath.deployments)/:namespace/:name/actions/:verb")
        router.get(action) { request, context in
            await routes.answer(request, context) { visit in
                let (key, kind) = (try DashboardRoutes.deployment(in: context), try Self.kind(in: context))
                return try await confirm(kind, key, visit)
            }
        }
        router.post(action) { request, context in
            await routes.answer(request, context) { visit in
                let (key, kind) = (try DashboardRoutes.deployment(in: context), try Self.kind(in: context))
                let form = try await SessionRoutes.form(request)
                guard case .session(let holder) = context.proof, request.headers[.origin] != nil,
                    routes.sessions.isFormToken(form["csrf"], of: holder.session)
                else {
                    throw AccessError(
                        "this form is not from a page of this controller, or its session has ended: load the "
                            + "page again")
                }
                try await visit.seen.check(.act, on: key)
                let status = try await visit.seen.status(of: key)
                guard form["seen"] == ConfirmPage.seen(status, before: kind) else {
                    return try await confirm(kind, key, visit, isStale: true)
                }
                _ = try await visit.seen.act(try Self.command(kind, form), on: key)
                return PageAnswers.goTo("../../\(Escape.uriPart(key.name))?done=\(kind.rawValue)")
            }
        }
    }

    private func confirm(
        _ kind: CommandKind, _ key: DeploymentKey, _ visit: DashboardRoutes.Visit, isStale: Bool = false
    ) async throws -> Response {
        let explanation = try await visit.seen.explanation(of: key)
        let page = ConfirmPage(
            kind, explanation, history: try await visit.seen.history(of: key), isStale: isStale)
        return PageAnswers.page(
            routes.pages.confirm(page, in: visit.frame("\(kind.title) \(key)")), isStale ? .conflict : .ok)
    }

    private static func kind(in context: ControlContext) throws -> CommandKind {
        guard let kind = context.parameters.get("verb").flatMap(CommandKind.init) else {
            throw ControlError(.notFound, "there is no such action")
        }
        return kind
    }

    private static func command(_ kind: CommandKind, _ form: FormBody) throws -> OperatorCommand {
        func flag(_ name: String) -> Bool? { form.isChecked(name) ? true : nil }
        guard let action = ControlAction(rawValue: kind.rawValue) else {
            throw ControlError(.notFound, "there is no such action")
        }
        return try action.command(
            ActionRequest(
                full: flag("full"), skipChecks: flag("skipChecks"), force: flag("force"), to: form["to"],
                reason: form["reason"]))
    }
}
