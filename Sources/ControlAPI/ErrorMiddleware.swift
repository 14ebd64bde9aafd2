import ControlPorts
import Foundation
import Hummingbird
import Logging
import Serving
import Transport

/// Turns every error into an answer in one format.
struct ErrorMiddleware: RouterMiddleware {
    typealias Context = ControlContext

    private static let messageCharacters = 500

    func handle(
        _ request: Request, context: ControlContext,
        next: (Request, ControlContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            let (status, answer) = Self.answer(to: error, request)
            if status.kind == .serverError {
                // Temporary refusals by the controller, such as "not ready" while it starts, are normal answers.
                context.logger.log(
                    level: error is ControlError ? .debug : .warning, "a request failed",
                    metadata: ["path": "\(request.uri.path)", "status": "\(status.code)", "error": "\(error)"])
            }
            return Response.json(try APICoding.encode(answer), status)
        }
    }

    static func answer(to error: any Error, _ request: Request) -> (HTTPResponse.Status, ErrorAnswer) {
        switch error {
        case let error as ControlError:
            (status(of: error.code), ErrorAnswer(code: error.code.rawValue, message: error.message))
        case let error as AccessError:
            (.forbidden, ErrorAnswer(code: "forbidden", message: error.message))
        case let error as DeadlineExceeded:
            (
                .serviceUnavailable,
                ErrorAnswer(code: "unavailable", message: "no answer within \(error.limit); try again")
            )
        case let error as any RetryableError:
            (.serviceUnavailable, ErrorAnswer(code: "unavailable", message: error.message))
        case let error as any HTTPResponseError where error.status == .notFound:
            (
                .notFound,
                ErrorAnswer(
                    code: "notFound",
                    message: "this controller has no \(request.method) \(request.uri.path); '/' is the dashboard")
            )
        case let error as any HTTPResponseError where error.status == .contentTooLarge:
            (
                .contentTooLarge,
                ErrorAnswer(
                    code: "tooLarge",
                    message: request.uri.path == APIPath.outcomes
                        ? "the body has more than \(APILimits.outcomeBytes) bytes: send it in parts"
                        : "the body has more than \(ControlRoutes.bodyBytes) bytes")
            )
        case let error as any HTTPResponseError:
            (error.status, ErrorAnswer(code: "invalid", message: error.status.reasonPhrase))
        case is CancellationError:
            (.serviceUnavailable, ErrorAnswer(code: "unavailable", message: "the controller is stopping; try again"))
        default:
            (
                .internalServerError,
                ErrorAnswer(code: "internal", message: String(String(describing: error).prefix(messageCharacters)))
            )
        }
    }

    private static func status(of code: ControlError.Code) -> HTTPResponse.Status {
        switch code {
        case .notFound: .notFound
        case .conflict: .conflict
        case .invalid: .badRequest
        case .unavailable: .serviceUnavailable
        }
    }
}
