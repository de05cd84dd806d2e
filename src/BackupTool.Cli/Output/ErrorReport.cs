using System.Collections.Concurrent;
using System.Reflection;
using System.Text.Json.Serialization;
using BackupTool.Posix;

namespace BackupTool.Cli.Output;

/// <summary>What an operator is told when a command ends in an exception: the only place where exceptions become text and exit codes.</summary>
/// <param name="Message">What failed, on what and why.</param>
/// <param name="Hint">What to do next; null when there is nothing to advise.</param>
/// <param name="Code">How the process ends.</param>
/// <param name="Details">The exception with its stack trace: for -vv only.</param>
public sealed record ErrorReport(string Message, string? Hint, ExitCode Code, string Details)
{
    private static readonly ConcurrentDictionary<Type, ExitCode> Codes = new();

    /// <summary>From now on <typeparamref name="TException"/> and what derives from it end the process with <paramref name="code"/>.</summary>
    public static void Register<TException>(ExitCode code) where TException : Exception => Codes[typeof(TException)] = code;

    /// <summary>Explains an exception; never throws.</summary>
    public static ErrorReport From(Exception exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        // Parallel work wraps the one failure that ended it.
        while (exception is AggregateException { InnerExceptions.Count: 1 } or TypeInitializationException or TargetInvocationException && exception.InnerException is { } inner) exception = inner;
        ExitCode? registered = RegisteredCode(exception.GetType());
        (string message, string? hint, ExitCode code) = exception switch
        {
            ExplainedException explained => (explained.Message, explained.Hint, ExitCode.Failed),
            OperationCanceledException => ("cancelled", null, ExitCode.Cancelled),
            PosixException posix => (posix.Message, HintFor(posix.Errno), ExitCode.Failed),
            UnauthorizedAccessException denied => (denied.Message, HintFor(Errno.EACCES), ExitCode.Failed),
            // The base library keeps the errno of a failed call here.
            IOException io => (io.Message, HintFor((Errno)io.HResult), ExitCode.Failed),
            DllNotFoundException missing => ($"a library that belongs to this program cannot be loaded: {FirstSentenceOf(missing.Message)}", "Install all that was in the directory of the program: backup, libe_sqlite3.so and libzstd.so belong beside each other. A symbolic link to backup may be anywhere.", ExitCode.Failed),
            _ when registered is not null => (exception.Message, null, ExitCode.Failed),
            _ => ($"internal error: {exception.GetType().Name}: {exception.Message}",
                "This is a fault of the program, not yours: run it again with -vv and report what it prints.", ExitCode.Failed),
        };
        return new ErrorReport(message, hint, registered ?? code, exception.ToString());
    }

    /// <summary>Tells it on standard error and, with <paramref name="json"/>, as the one document on standard output.</summary>
    public void WriteTo(Terminal terminal, bool json)
    {
        ArgumentNullException.ThrowIfNull(terminal);
        if (json) JsonReport.Write(terminal, new ErrorDocument(new ErrorBody(Message, Hint, (int)Code)), ErrorJson.Default.ErrorDocument);
        string text = Hint is null ? Message : $"{Message}\n  → {Hint}";
        if (terminal.Verbosity >= Verbosity.Trace) text += "\n" + Details;
        terminal.Error(text);
    }

    // The rest is advice for the program's authors.
    private static string FirstSentenceOf(string text) => text.Split(". ", 2)[0].Split('\n')[0].TrimEnd('.', ' ');

    private static ExitCode? RegisteredCode(Type type)
    {
        for (Type? at = type; at is not null; at = at.BaseType)
            if (Codes.TryGetValue(at, out ExitCode code)) return code;
        return null;
    }

    private static string? HintFor(Errno errno) => errno switch
    {
        Errno.EPERM => "Run it as root, or as the user that owns the files. Not even root may where a file is immutable or append-only: 'lsattr' shows it, 'chattr -i -a' ends it.",
        Errno.EACCES => "Run it as root, or as the user that owns the files.",
        Errno.ENOSPC => "Make room on that file system and run it again.",
        Errno.EDQUOT => "Raise the quota or remove something and run it again.",
        Errno.EROFS => "Mount that file system writable, or name another place.",
        Errno.EMFILE => "Raise the limit of open files (ulimit -n).",
        _ => null,
    };
}

/// <summary>The stable shape of a failure with --json.</summary>
public sealed record ErrorDocument(ErrorBody Error);

/// <summary>What failed, the way out, and the exit code.</summary>
public sealed record ErrorBody(string Message, string? Hint, int Code);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ErrorDocument))]
internal sealed partial class ErrorJson : JsonSerializerContext;
