using BackupTool.Operations.Configuration;
using BackupTool.Operations.Schedules;
using BackupTool.Posix;

namespace BackupTool.Operations.Notifications;

/// <summary>What would keep a channel from telling anybody, as far as it can be seen without telling: for <c>config check</c>. A backup is made all the same.</summary>
public static class NotifyCheck
{
    /// <summary>The findings, in the order of the file.</summary>
    public static IReadOnlyList<ConfigurationProblem> Find(BackupConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var problems = new ProblemList(configuration.File);
        foreach (ChannelSettings channel in configuration.Notify.Channels)
        {
            foreach (SecretSource secret in channel.Secrets) Check(channel, secret, problems);
            CheckSchedules(channel, configuration.Schedules, problems);
            if (channel is CommandSettings { Command: [var program, ..] } && !File.Exists(program))
                problems.Add(channel.Place, $"[notify.{channel.Name}]: the program {program} of `command` does not exist", "Correct the path, or install it.");
        }
        return problems.InOrder();
    }

    private static void Check(ChannelSettings channel, SecretSource secret, ProblemList problems)
    {
        string name = $"[notify.{channel.Name}]";
        try
        {
            if (secret.Path is null)
            {
                problems.Warn(secret.Place, $"`{secret.Key}` in {name}: $CREDENTIALS_DIRECTORY is not set, so the secret is not known", "Only systemd sets it: this channel tells nothing when the tool is run by hand.");
                return;
            }
            string text = secret.Read().Reveal();
            if (secret.FindOpenMode() is { } mode) problems.Warn(secret.Place, $"the file {secret.File} of `{secret.Key}` in {name} is open to others (mode {Convert.ToString(mode, 8)})", $"Close it: chmod 600 {secret.File}");
            if (secret.Stem != "url") return;
            if (NotifyAddress.TryParse(text) is not { } url) problems.Add(secret.Place, $"what is in {secret.Path} of `{secret.Key}` in {name} is no whole http or https URL", "It holds the whole address, alone, from `https://` on.");
            else if (NotifyAddress.IsOpenOnTheWay(url)) problems.Warn(secret.Place, $"the address in {secret.Path} of `{secret.Key}` in {name} is http: everybody on the way can read what is sent, tokens too", "Write https.");
        }
        catch (NotifyException e)
        {
            problems.Add(secret.Place, $"{name}: {e.Message}", e.Hint);
        }
        catch (PosixException e)
        {
            problems.Add(secret.Place, $"{name}: {e.Message}");
        }
    }

    private static void CheckSchedules(ChannelSettings channel, IReadOnlyList<ScheduleSettings> schedules, ProblemList problems)
    {
        if (schedules.Count == 0) return;
        string[] known = [.. schedules.Select(static schedule => schedule.Name)];
        foreach (string name in (channel.Schedules ?? []).Except(known))
            problems.Add(channel.Place, $"`schedules` in [notify.{channel.Name}] names `{name}`, which is no schedule here", NearestName.Hint(name, known, "schedules"));
    }
}
