import { type FormEvent, useState } from 'react';
import { reason } from '../engine';
import { useEngine } from './hooks';

export function Login() {
  const engine = useEngine();
  const [trouble, setTrouble] = useState('');
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    engine
      .login(String(form.get('user')), String(form.get('password')))
      .catch((error: unknown) => setTrouble(reason(error)));
  };
  return (
    <form className="card login" onSubmit={submit}>
      <h2>Log in</h2>
      <p>The users of the cluster, as for any client. Their rights hold here too.</p>
      <label>
        User <input name="user" defaultValue="default" autoComplete="username" required />
      </label>
      <label>
        Password <input name="password" type="password" autoComplete="current-password" autoFocus />
      </label>
      <button className="primary">Log in</button>
      {trouble && <p role="alert" className="trouble">{trouble}</p>}
    </form>
  );
}
