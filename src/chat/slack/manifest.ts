/** The purpose of each scope of the manifest. */
export const neededScopes: Readonly<Record<string, string>> = {
  commands: '/proxnix',
  'chat:write': 'posting and editing cards',
  'files:write': 'plans and logs as files',
  'users:read': 'telling members from guests and bots',
  'usergroups:read': 'approvers and viewers who are named by a user group',
};

/** The Slack app with exactly what the bot uses: Socket Mode, one command, buttons and forms, and no events. */
export function slackManifest(): object {
  return {
    _metadata: { major_version: 2, minor_version: 1 },
    display_information: {
      name: 'proxnix',
      description: 'Plans and deploys NixOS VMs to Proxmox',
      background_color: '#1d2b53',
    },
    features: {
      bot_user: { display_name: 'proxnix', always_online: true },
      slash_commands: [
        {
          command: '/proxnix',
          description: 'Plan, approve and deploy VMs',
          usage_hint: 'plan [fleet] [ref] | status | history | help',
          should_escape: true,
        },
      ],
    },
    oauth_config: { scopes: { bot: Object.keys(neededScopes).sort() } },
    settings: {
      interactivity: { is_enabled: true },
      org_deploy_enabled: false,
      socket_mode_enabled: true,
      token_rotation_enabled: false,
    },
  };
}
